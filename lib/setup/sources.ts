import type { NativeSources } from "./shim.ts";
import autogradSource from "../../native/autograd.cpp" with { type: "text" };
import callSource from "../../native/call.cpp" with { type: "text" };
import checksSource from "../../native/checks.cpp" with { type: "text" };
import devicesSource from "../../native/devices.cpp" with { type: "text" };
import filesSource from "../../native/files.cpp" with { type: "text" };
import frameSource from "../../native/frame.cpp" with { type: "text" };
import guardSource from "../../native/guard.cpp" with { type: "text" };
import handlesSource from "../../native/handles.cpp" with { type: "text" };
import internalHeader from "../../native/internal.h" with { type: "text" };
import latentHeader from "../../native/latent.h" with { type: "text" };
import memorySource from "../../native/memory.cpp" with { type: "text" };
import modesSource from "../../native/modes.cpp" with { type: "text" };
import randomSource from "../../native/random.cpp" with { type: "text" };
import tensorsSource from "../../native/tensors.cpp" with { type: "text" };

/**
 * The text of each file in `native/`, by its path there: embedded, so that one executable holds all that the shim is
 * compiled from. A test holds the list against the folder.
 */
export const nativeSources: NativeSources = {
  "autograd.cpp": autogradSource,
  "call.cpp": callSource,
  "checks.cpp": checksSource,
  "devices.cpp": devicesSource,
  "files.cpp": filesSource,
  "frame.cpp": frameSource,
  "guard.cpp": guardSource,
  "handles.cpp": handlesSource,
  "internal.h": internalHeader,
  "latent.h": latentHeader,
  "memory.cpp": memorySource,
  "modes.cpp": modesSource,
  "random.cpp": randomSource,
  "tensors.cpp": tensorsSource,
};

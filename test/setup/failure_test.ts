import assert from "node:assert/strict";
import { explained, isDiskFull, needBytes } from "../../lib/setup/failure.ts";
import { inTempDir } from "./fixture.ts";
import { isError } from "./machine.ts";

Deno.test("too little room is refused before work, with both sizes", () =>
  inTempDir((dir) => {
    assert.throws(
      () => needBytes(dir, 1e18),
      isError("setup.disk_full", /found {3}\d+ MB free/, /wanted {2}1000000000000 MB/),
    );
    needBytes(dir, 0);
  }));

Deno.test({
  name: "a write that finds the disk full becomes an error that says what to free",
  ignore: Deno.build.os !== "linux",
  fn() {
    using file = Deno.openSync("/dev/full", { write: true });
    try {
      file.writeSync(new Uint8Array(1));
      assert.fail("/dev/full took a byte");
    } catch (error) {
      assert(isDiskFull(error));
      assert(isError("setup.disk_full", /file system of \/cache/, /XDG_CACHE_HOME/)(explained(error, "/cache")));
    }
  },
});

Deno.test("errors that are not the system's pass as they are", () => {
  const error = new TypeError("a mistake of ours");
  assert.equal(explained(error, "/cache"), error);
});

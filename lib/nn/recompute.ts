import { currentAutocast, type Device, Generator, keep, scope, type Tensor } from "../tensor/mod.ts";

let recording: Tape | undefined;

/**
 * Runs a segment of a network: what lies between its inputs and its output is kept for the way back, or computed again
 * on it while a {@linkcode Tape} records. Gradients have the same bits either way.
 *
 * An input with a history of its own (what an encoder gave) may go into many segments, and into nothing else that the
 * loss depends on.
 *
 * @param body gets the inputs, as handles that it may dispose of; what it computes depends on nothing else but
 * parameters and the device's own generator
 */
export function segment<I extends readonly (Tensor | undefined)[]>(
  inputs: readonly [...I],
  body: (...inputs: I) => Tensor,
): Tensor {
  if (recording !== undefined) return recording.segment(inputs, body);
  return scope(() => body(...inputs.map((x) => x && (viewOf(x) ?? x)) as Tensors as I));
}

type Tensors = readonly (Tensor | undefined)[];

/**
 * What a body gets of an input with gradients, with a tape or without: its gradients of the view are summed before
 * those of other segments are added, and autocast keeps no copy of a view.
 */
function viewOf(x: Tensor): Tensor | undefined {
  return x.requiresGrad ? x.alias() : undefined;
}

/** An output on the tape, and the way back from its gradient. */
interface Step {
  /** A tensor without history in place of the output. */
  leaf: Tensor;
  backward(gradient: Tensor): void;
  /** What is needed for that. */
  held: Disposable;
}

/**
 * A forward pass whose {@linkcode segment}s keep their inputs alone: memory for a second forward pass's time
 * (gradient checkpointing, Chen et al. 2016). Dropout drops the same and autocast is the same the second time.
 *
 * ```ts
 * using tape = new Tape();
 * const loss = tape.record(() => lossOf(network.call(x)));
 * tape.backward(loss);
 * ```
 */
export class Tape implements Disposable {
  readonly #steps: Step[] = [];
  readonly #leaves = new Map<Tensor, Tensor>();

  /** Runs a forward pass. */
  record<T>(body: () => T): T {
    return withTape(this, body);
  }

  /** Accumulates the gradients of what was recorded in the leaves, and forgets the record. */
  backward(loss: Tensor): void {
    loss.backward();
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const { leaf, backward } = step;
      scope(() => {
        const gradient = leaf.grad;
        if (gradient !== null) backward(gradient);
      });
      free(step);
    }
    this.#leaves.clear();
  }

  /** Runs a segment, of which input and output stay; what autograd does not record in it is not recorded here. */
  segment<I extends readonly (Tensor | undefined)[]>(
    inputs: readonly [...I],
    body: (...inputs: I) => Tensor,
  ): Tensor {
    using owned = new DisposableStack();
    const held = inputs.map((x) => x && owned.use(this.#held(x)));
    const device = held.find((x) => x !== undefined)?.device ?? "cpu";
    using generator = Generator.default(device);
    const random = owned.use(keep(generator.state));
    const autocast = currentAutocast();
    const run = () => scope(() => body(...held.map((x) => x && (viewOf(x) ?? x.share())) as Tensors as I));
    const output = withTape(undefined, run);
    if (!output.requiresGrad) return output;
    const again = () => withRandom(device, random, () => autocast(() => withTape(undefined, run)));
    const leaf = this.#push(output, (gradient) => again().backward(gradient), owned.move());
    output.dispose();
    const own = leaf.share();
    this.#leaves.set(own, leaf);
    return own;
  }

  /** The input as it is kept: without history. */
  #held(x: Tensor): Tensor {
    if (!x.requiresGrad) return keep(x.share());
    const known = this.#leaves.get(x);
    if (known?.alive) return keep(known.share());
    const root = keep(x.share());
    const leaf = this.#push(root, (gradient) => root.backward(gradient), root);
    this.#leaves.set(x, leaf);
    return keep(leaf.share());
  }

  /** Puts an output on the tape. @returns what stands in its place */
  #push(output: Tensor, backward: (gradient: Tensor) => void, held: Disposable): Tensor {
    const leaf = keep(output.detach()).requiresGrad_();
    this.#steps.push({ leaf, backward, held });
    return leaf;
  }

  /** Frees what it holds; after {@linkcode backward} it holds nothing. */
  [Symbol.dispose](): void {
    this.#steps.splice(0).forEach(free);
    this.#leaves.clear();
  }
}

function free({ leaf, held }: Step): void {
  leaf.dispose();
  held[Symbol.dispose]();
}

function withTape<T>(tape: Tape | undefined, body: () => T): T {
  const before = recording;
  recording = tape;
  try {
    return body();
  } finally {
    recording = before;
  }
}

/** Runs `body` with the device's own generator as it was, and puts it back. */
function withRandom(device: Device, state: Tensor, body: () => Tensor): Tensor {
  using generator = Generator.default(device);
  using before = generator.state;
  generator.state = state;
  try {
    return body();
  } finally {
    generator.state = before;
  }
}

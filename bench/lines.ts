/** Text in pieces → whole lines. */
export class TextLineStream extends TransformStream<string, string> {
  /** Splits at line feeds; a last line without one is dropped. */
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
    });
  }
}

/** Keeps an answer back until it is let go, at the latest at the end of the `using` block. */
export class Hold implements Disposable {
  /** Whether the request has come. */
  isAsked = false;
  readonly #released = Promise.withResolvers<void>();

  /** The stand-in's side: the request is here and waits. */
  async pass(): Promise<void> {
    this.isAsked = true;
    await this.#released.promise;
  }

  release(): void {
    this.#released.resolve();
  }

  [Symbol.dispose]() {
    this.release();
  }
}

// A rate limit as providers keep it: a bucket of calls that refills evenly, told in every answer's headers.

export class RateLimiter {
  #left: number;
  #at = Date.now();

  constructor(readonly calls: number, readonly seconds: number) {
    this.#left = calls;
  }

  /** Whether there is room for one more call, which is then taken. */
  take(): boolean {
    this.#refill();
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** What OpenAI's or Anthropic's answers say; with Retry-After when there is no room. */
  headers(isAnthropic: boolean): [string, string][] {
    this.#refill();
    const { calls, seconds } = this;
    const resetSeconds = (calls - this.#left) * seconds / calls;
    const values = {
      limit: calls,
      remaining: Math.floor(this.#left),
      reset: isAnthropic
        ? new Date(Date.now() + resetSeconds * 1000).toISOString()
        : `${resetSeconds.toFixed(3)}s`,
    };
    const headers = Object.entries(values).map(([what, value]): [string, string] => [
      isAnthropic ? `anthropic-ratelimit-requests-${what}` : `x-ratelimit-${what}-requests`,
      String(value),
    ]);
    if (this.#left < 1) {
      headers.push(["retry-after", String(Math.ceil((1 - this.#left) * seconds / calls))]);
    }
    return headers;
  }

  #refill() {
    const now = Date.now();
    this.#left += (now - this.#at) / 1000 * this.calls / this.seconds;
    this.#left = Math.min(this.#left, this.calls);
    this.#at = now;
  }
}

import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** Passes connections on to a gateway, and can hold back its answers, or lose all that goes through the connections there are. */
export class Proxy {
  /** How many connections there have been. */
  connections = 0;
  #held: (() => void)[] | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #pairs: [Socket, Socket][] = [];
  #port = 0;

  static async start(t: TestContext, url: string): Promise<Proxy> {
    const proxy = new Proxy();
    const { hostname, port } = new URL(url);
    const server = createServer((near) => {
      const far = connect(Number(port), hostname);
      proxy.#pairs.push([near, far]);
      for (const socket of [near, far]) {
        proxy.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => proxy.#sockets.delete(socket));
      }
      proxy.connections += 1;
      near.pipe(far);
      if (proxy.#held) proxy.#held.push(() => far.pipe(near));
      else far.pipe(near);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    proxy.#port = (server.address() as AddressInfo).port;
    t.after(() => {
      for (const socket of proxy.#sockets) socket.destroy();
      server.close();
    });
    return proxy;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/`;
  }

  /** What the gateway answers to new connections waits for {@link Proxy.release}. */
  hold(): void {
    this.#held = [];
  }

  release(): void {
    for (const pass of this.#held ?? []) pass();
    this.#held = undefined;
  }

  /** Breaks all connections that there are. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** From now on nothing goes through the connections that there are, in either direction; they stay open. */
  deafen(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far);
      far.unpipe(near);
      near.resume();
      far.resume();
    }
  }
}

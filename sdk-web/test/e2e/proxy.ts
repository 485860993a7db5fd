import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** Passes connections on to a gateway, until it is told to lose all that goes through those that it has. */
export class Proxy {
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
      near.pipe(far).pipe(near);
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

/** A gateway of a test's own, on free ports of 127.0.0.1. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { Program, run } from "./program.js";

interface Ports {
  services: string;
  edges: string;
  websockets: string;
}

/** A certificate for 127.0.0.1 and its key, as PEM files, signed by somebody whom this process trusts. */
export interface Certificate {
  cert: string;
  key: string;
}

/** What a gateway is configured with beside its ports. */
export interface GatewayOptions {
  /** Origins of pages that it lets in. */
  origins?: string[];
  /** More lines of the section `edgebound`, and of `edgebound.websocket`. */
  edgebound?: string[];
  websocket?: string[];
  /** Browsers connect over TLS. */
  certificate?: Certificate;
}

/** Whether somebody could listen there. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** A free port below those that the system gives to connections, one of which could have it when a gateway is back. */
async function free(): Promise<string> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (await isFree(port)) return `127.0.0.1:${port}`;
  }
}

export class Gateway {
  readonly #t: TestContext;
  readonly #folder = mkdtempSync(join(tmpdir(), "frontier-web-"));
  readonly #options: GatewayOptions;
  #ports!: Ports;
  #program!: Program;

  private constructor(t: TestContext, options: GatewayOptions) {
    this.#t = t;
    this.#options = options;
  }

  static async start(t: TestContext, options: GatewayOptions = {}): Promise<Gateway> {
    const gateway = new Gateway(t, options);
    gateway.#ports = { services: await free(), edges: await free(), websockets: await free() };
    await gateway.start();
    t.after(() => rmSync(gateway.#folder, { recursive: true, force: true }));
    return gateway;
  }

  /** One that runs with a configuration as it stands. */
  static async of(t: TestContext, yaml: string): Promise<Gateway> {
    const gateway = new Gateway(t, {});
    await gateway.#launch(yaml);
    t.after(() => rmSync(gateway.#folder, { recursive: true, force: true }));
    return gateway;
  }

  /** Starts it, again on the ports that it had. */
  async start(): Promise<void> {
    const { services, edges, websockets } = this.#ports;
    const { origins = [], edgebound = [], websocket = [], certificate } = this.#options;
    const tls = certificate === undefined ? "" : `, tls: {enable: true, certs: [${JSON.stringify(certificate)}]}`;
    const yaml = [
      `servicebound: {listen: {network: tcp, addr: '${services}'}}`,
      "edgebound:",
      `  listen: {network: tcp, addr: '${edges}'}`,
      "  edgeid_alloc_when_no_idservice_on: true",
      ...edgebound.map((line) => `  ${line}`),
      "  websocket:",
      "    enable: true",
      `    listen: {network: tcp, addr: '${websockets}'${tls}}`,
      `    allowed_origins: ${JSON.stringify(origins)}`,
      ...websocket.map((line) => `    ${line}`),
      "observability: {enable: false}",
      "bridges:",
      "  - {name: readings, topics: [to-file], file: {path: readings.jsonl}}",
    ];
    await this.#launch(yaml.join("\n"));
  }

  async #launch(yaml: string): Promise<void> {
    const file = join(this.#folder, "frontier.yaml");
    writeFileSync(file, yaml);
    this.#program = new Program(this.#t, "frontier", ["--config", file], {
      env: { FRONTIER_DRAIN_SECONDS: "0" },
      cwd: this.#folder,
    });
    const addr = async (what: string) => (await this.#program.prints(new RegExp(`${what} server listening on: (\\S+)`)))[1]!;
    this.#ports = {
      services: await addr("servicebound"),
      edges: await addr("edgebound"),
      websockets: await addr("edgebound websocket"),
    };
    await this.#program.prints(/frontier starts/);
  }

  /** Where edges of browsers connect. */
  get url(): string {
    return `${this.#options.certificate ? "wss" : "ws"}://${this.#ports.websockets}/`;
  }

  /** Kills it, as a crash does. */
  async kill(): Promise<void> {
    await this.#program.end("SIGKILL");
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.#program.end();
  }

  /** What its bridge has written. */
  get readings(): Record<string, unknown>[] {
    const text = readFileSync(join(this.#folder, "readings.jsonl"), "utf8");
    return text.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  #env(): Record<string, string> {
    return { FRONTIER_SERVICE_ADDR: this.#ports.services, FRONTIER_EDGE_ADDR: this.#ports.edges };
  }

  /** A service by `frontierctl`, until the end of the test. */
  service(...args: string[]): Program {
    return new Program(this.#t, "frontierctl", ["service", ...args], { env: this.#env() });
  }

  /** A service by `frontierctl` that does one thing, to its end. */
  asService(args: string[], input?: string | Uint8Array) {
    return run("frontierctl", ["service", ...args], this.#env(), input);
  }

  /** Another program of ours that joins it as a service; `flag` names where. */
  program(name: string, flag: string, ...args: string[]): Program {
    return new Program(this.#t, name, [flag, this.#ports.services, ...args]);
  }

  /** An edge on the port for edges, by `frontierctl`. */
  asEdge(args: string[]) {
    return run("frontierctl", ["edge", ...args], this.#env());
  }
}

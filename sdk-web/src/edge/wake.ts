/** Tells when a link may have died unnoticed, or may be had again: the network is back, the page is seen again. */

type Listener = (event: { persisted?: boolean }) => void;

interface Target {
  addEventListener(type: string, listener: Listener): void;
  removeEventListener(type: string, listener: Listener): void;
}

/** Calls `woken` until the function that it returns is called. Where there is no page (in Node) never. */
export function onWake(woken: () => void): () => void {
  const scope = globalThis as unknown as Partial<Target> & { document?: Target & { visibilityState: string } };
  const { document } = scope;
  const seen = () => {
    if (document?.visibilityState === "visible") woken();
  };
  const listeners: [Partial<Target> | undefined, string, Listener][] = [
    [scope, "online", woken],
    // Back from the cache of pages.
    [scope, "pageshow", ({ persisted }) => persisted && woken()],
    [document, "visibilitychange", seen],
    // Thawed.
    [document, "resume", woken],
  ];
  for (const [target, type, listener] of listeners) target?.addEventListener?.(type, listener);
  return () => {
    for (const [target, type, listener] of listeners) target?.removeEventListener?.(type, listener);
  };
}

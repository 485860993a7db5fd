/** What pages have to load. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** From `sdk-web/build/test/unit`. */
const ROOT = join(import.meta.dirname, "../../..");

test("the whole package is less than 15 KiB, minified and gzipped, and needs no other", async () => {
  const entry = join(ROOT, "src/index.ts");
  const built = await build({
    entryPoints: [entry], bundle: true, minify: true, format: "esm", target: "es2022", write: false, metafile: true,
  });
  const size = gzipSync(built.outputFiles[0]!.contents, { level: 9 }).length;
  assert.ok(size < 15 * 1024, `${size} bytes`);
  const outside = Object.keys(built.metafile.inputs).filter((input) => !input.includes("src/"));
  assert.deepEqual(outside, []);
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual([manifest["dependencies"], manifest["peerDependencies"]], [undefined, undefined]);
});

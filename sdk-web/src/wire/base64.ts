/** Base64 as it stands in JSON bodies: the standard alphabet, padded. */

/** Bytes per step when a binary string is made: below every engine's limit of arguments, and a multiple of 3. */
const STEP = 0x6000;

const VALID = /^[A-Za-z0-9+/]*={0,2}$/;

/** Length of the text of `bytes` bytes. */
export function encodedLength(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

export function encode(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += STEP) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + STEP)));
  }
  return text;
}

/** The bytes of a text; line ends in it are skipped. `undefined` if it is none, or lacks its padding. */
export function decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (/[\r\n]/.test(text)) text = text.replace(/[\r\n]/g, "");
  // `atob` alone would take spaces, and text without padding.
  if (text.length % 4 !== 0 || !VALID.test(text)) return undefined;
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

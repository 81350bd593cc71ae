// The page's own files: a handful, made by the build into dist/dashboard, read when they are asked for and checked by
// ETag (RFC 9110 §8.8.3). Only names on the list exist, so that no path can lead elsewhere.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { sendFailure } from "../../telemetry/own-answers.ts";

/** Path → file and type. Every view is a fragment (`/#ring`), so that `/` is the only page. */
const files: Readonly<Record<string, readonly [name: string, contentType: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
};

/**
 * Nothing but our own files is loaded, nothing inline is run, nobody frames the page (Content Security Policy Level 3),
 * and what a browser would guess or pass on is switched off.
 */
const securityFields = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'; trusted-types 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** @param folder where the build has put them */
export function createPageFiles(folder: URL) {
  /** Answers for a path of the page and gives true, or false when it is none. */
  return async (path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    if (!Object.hasOwn(files, path)) return false;
    const [name, contentType] = files[path] as (typeof files)[string];
    const packed = acceptsGzip(request) ? await read(new URL(`${name}.gz`, folder)) : null;
    const body = packed ?? (await read(new URL(name, folder)));
    if (body === null) {
      sendFailure(request, response, 404, "The dashboard was not built: npm run build makes it");
      return true;
    }
    const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
    response.setHeaders(new Map(Object.entries(securityFields)));
    response.setHeaders(
      new Map([
        ["etag", etag],
        ["cache-control", "no-cache"],
        ["vary", "accept-encoding"],
      ]),
    );
    if (request.headers["if-none-match"] === etag) response.writeHead(304).end();
    else {
      if (packed !== null) response.setHeader("content-encoding", "gzip");
      response.writeHead(200, { "content-type": contentType, "content-length": body.length });
      response.end(request.method === "HEAD" ? undefined : body);
    }
    return true;
  };
}

/** RFC 9110 §12.5.3, as far as browsers use it. */
function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(headers["accept-encoding"] ?? "");
}

/** Null: it is not there. */
async function read(file: URL): Promise<Buffer | null> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}

// Where node:http (llhttp, insecureHTTPParser: false) differs from what a vector asks of the front door, in groups,
// each explained. differential.test.ts fails on a difference that is not here, and on one that is here and gone.

/** The Node major version that the table was made with; newer ones may be stricter. */
export const tableMadeWith = 20;

export interface DifferenceGroup {
  readonly why: string;
  /** What node:http does: requests it takes as complete, then whether it refuses the rest. */
  readonly node: string;
  readonly ids: readonly string[];
}

export const differences: readonly DifferenceGroup[] = [
  {
    why:
      "node:http takes any target apart from what would break the request line. A gateway must understand it " +
      "(RFC 9112 §3.2): what is in none of the four forms, or names a host that is none, is refused.",
    node: "takes 2",
    ids: [
      "target-fragment target-fragment-in-query target-star-on-get target-two-stars",
      "target-absolute-userinfo target-absolute-userinfo-host target-absolute-no-host target-absolute-only-port",
      "target-absolute-other-scheme target-absolute-file target-absolute-fragment target-absolute-bad-port",
      "target-absolute-ipv6-open target-backslash-in-path-before-query",
    ],
  },
  {
    why:
      "node:http hands an absolute target on as it is. A gateway sends origin-form, and the target's authority " +
      "replaces Host (RFC 9112 §3.2.1 and §3.2.2).",
    node: "takes 1",
    ids: [
      "target-absolute target-absolute-same target-absolute-port target-absolute-no-path",
      "target-absolute-no-path-query target-absolute-upper-case target-absolute-ipv6 target-absolute-raw-path",
      "target-options-absolute target-options-absolute-slash target-absolute-https http10-absolute",
    ],
  },
  {
    why: "node:http counts Host fields only to find none; two of them, or a host that is none, it takes.",
    node: "takes 1",
    ids: [
      "target-absolute-two-host-fields target-absolute-bad-host-field",
      "host-twice-different host-twice-same host-twice-other-case host-twice-first-empty host-1.0-twice",
      "host-empty host-list host-userinfo host-path host-query host-fragment host-scheme host-space host-tab",
      "host-backslash host-high-byte host-less-than host-port-letters host-port-minus host-two-ports",
      "host-port-only host-ipv6-open host-ipv6-bare host-ipv6-text-behind host-high-bytes-around",
    ],
  },
  {
    why:
      "llhttp accepts `chunked` as the last of several codings, and ignores an empty Transfer-Encoding. A proxy that " +
      "cannot undo the codings below must not guess (checklist: exactly `chunked`).",
    node: "takes 2",
    ids: [
      "te-gzip-chunked te-identity-chunked te-cow-chunked te-leading-comma",
      "te-twice-identity-first te-twice-other-case te-twice-empty te-empty-with-cl te-space-only-with-cl",
      "te-quoted-comma",
    ],
  },
  {
    why: "The same, without a length: llhttp sees no body, and then a chunk size where a request should be.",
    node: "takes 1, refuses",
    ids: ["te-empty te-space-only"],
  },
  {
    why: "llhttp takes chunked in HTTP/1.0, which knows no such thing (RFC 9112 §6.1).",
    node: "takes 1, refuses",
    ids: ["version-1.0-chunked"],
  },
  {
    why: "llhttp skips repeated spaces in a request line, and CR and LF before it.",
    node: "takes 2",
    ids: [
      "line-two-spaces-after-method line-two-spaces-before-version",
      "eol-cr-before-first-byte eol-lf-before-first-byte",
    ],
  },
  { why: "… any number of them.", node: "takes 1", ids: ["eol-empty-lines-endless"] },
  {
    why: "llhttp still takes HTTP/0.9 request lines, in which no version follows the target.",
    node: "takes 2",
    ids: ["pipeline-bad-second"],
  },
  { why: "… and refuses only what follows.", node: "takes 1, refuses", ids: ["line-no-version"] },
  {
    why: "llhttp parses HTTP/0.9 and HTTP/2.0 in HTTP/1.1's clothes; we speak neither (RFC 9110 §15.6.6).",
    node: "takes 1",
    ids: ["version-0.9 version-2.0"],
  },
  {
    why:
      "After `Connection: close`, or HTTP/1.0 without keep-alive, llhttp calls further bytes an error. RFC 9112 §9.6 " +
      "has them ignored: both take one request, and close.",
    node: "takes 1, refuses",
    ids: [
      "version-1.0-two-requests hop-close-and-named hop-close-case hop-close-wins pipeline-close-first",
      "pipeline-close-post pipeline-close-garbage",
    ],
  },
  {
    why: "node:http keeps an HTTP/1.0 connection for Proxy-Connection: keep-alive; RFC 9112 §9.3 does not know it.",
    node: "takes 2",
    ids: ["http10-proxy-connection"],
  },
  {
    why: "llhttp takes chunk extensions of odd shapes (no name, no value); the grammar has neither.",
    node: "takes 2",
    ids: ["chunk-ext-two-semicolons chunk-ext-no-value"],
  },
  {
    why: "llhttp applies `Connection: close` from a trailer. A trailer steers nothing (RFC 9110 §6.5.1).",
    node: "takes 1, refuses",
    ids: ["trailer-connection"],
  },
  {
    why:
      "llhttp reads leading zeros of a length, which some servers take for octal, and of a chunk's size, where ours end " +
      "with what 64 bits take.",
    node: "takes 1",
    ids: ["cl-leading-zero-octal cl-double-zero"],
  },
  { why: "The same, in a chunk's size.", node: "takes 2", ids: ["chunk-size-17-digits"] },
  {
    why: "llhttp looks for the options it knows in Connection, whatever else there is; we want to read a list.",
    node: "takes 1",
    ids: ["hop-two-words hop-quoted"],
  },
  {
    why: "llhttp refuses a tab among the whitespace behind `chunked`; OWS may hold tabs (RFC 9110 §5.5).",
    node: "refuses",
    ids: ["te-spaces-around-value"],
  },
  {
    why: "An origin server may count to more than our hundred fields; its limit is 2,000.",
    node: "takes 1",
    ids: ["limit-101-fields"],
  },
  {
    why: "Max-Forwards and TRACE are rules for intermediaries, which node:http is not.",
    node: "takes 1",
    ids: ["target-options-max-forwards-0 target-trace-max-forwards-0"],
  },
  {
    why: "node:http has no listener for CONNECT here and closes without an answer; we say that we refuse.",
    node: "closes",
    ids: ["target-connect target-connect-origin-form target-connect-body"],
  },
];

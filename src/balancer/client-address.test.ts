import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldIn } from "../proxy/client-request.ts";
import { clientAddress } from "./client-address.ts";
import { parseNetworks } from "./networks.ts";

describe("the client's address", () => {
  it("behind a trusted proxy is what that one has added, not a field that the client has put before it", () => {
    const head =
      "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n";
    const request = {
      header: (name: string) => fieldIn(head, name),
      peerAddress: "10.0.0.1",
      peerTrusted: true,
    };
    assert.equal(clientAddress(request, parseNetworks("trustedProxies", ["10.0.0.0/8"])), "198.51.100.7");
  });
});

// Over real sockets, plain and TLS: how chunks are taken leans on how Node's sockets deliver them, so every promise is
// checked on the Node at hand.
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import { createServer as createTlsServer, connect as tlsConnect } from "node:tls";
import { ClientInput } from "./client-input.ts";

type Accept = (socket: Socket) => void;

interface Transport {
  readonly name: string;
  listen(accept: Accept): Server;
  dial(port: number): Socket;
}

// TLS with a shared key needs no certificate.
const psk = { psk: Buffer.alloc(32, 7), identity: "client" };
const tlsOptions = {
  ciphers: "PSK",
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.2",
  allowHalfOpen: true,
} as const;

const tcp: Transport = {
  name: "tcp",
  listen: (accept) => createServer({ allowHalfOpen: true }, accept),
  dial: (port) => connect({ port, host: "127.0.0.1", allowHalfOpen: true }),
};

const tls: Transport = {
  name: "tls",
  listen: (accept) => createTlsServer({ ...tlsOptions, pskCallback: () => psk.psk }, accept),
  dial: (port) =>
    tlsConnect({
      ...tlsOptions,
      port,
      host: "127.0.0.1",
      pskCallback: () => psk,
      checkServerIdentity: () => undefined,
    }),
};

interface Taking {
  readonly client: Socket;
  readonly socket: Socket;
  readonly input: ClientInput;
  readonly chunks: Buffer[];
  received(): Buffer;
  close(): void;
}

async function taking(transport: Transport): Promise<Taking> {
  const chunks: Buffer[] = [];
  let accept: (taken: { socket: Socket; input: ClientInput }) => void = () => undefined;
  const accepted = new Promise<{ socket: Socket; input: ClientInput }>((resolve) => {
    accept = resolve;
  });
  const server = transport.listen((socket) =>
    accept({ socket, input: new ClientInput(socket, (chunk) => chunks.push(chunk)) }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = transport.dial((server.address() as AddressInfo).port);
  const { socket, input } = await accepted;
  const close = () => {
    client.destroy();
    socket.destroy();
    server.close();
  };
  return { client, socket, input, chunks, received: () => Buffer.concat(chunks), close };
}

/** No two places alike, so that nothing can be lost or swapped unseen. */
function pattern(bytes: number): Buffer {
  const words = new Uint32Array(bytes / 4);
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index + 1, 2654435761);
  return Buffer.from(words.buffer);
}

async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Resolves when `value` has not changed for a quarter of a second. */
async function settled(value: () => number): Promise<void> {
  let last = value();
  for (let same = 0; same < 25; same++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (value() === last) continue;
    same = 0;
    last = value();
  }
}

const deadline = { timeout: 30_000 };

for (const transport of [tcp, tls]) {
  const on = (what: string) => `${transport.name}: ${what}`;

  test(
    on("every byte comes in order, then the end, and the other direction stays open"),
    deadline,
    async () => {
      const { client, socket, received, close } = await taking(transport);
      const ended = new Promise<void>((resolve) => socket.once("end", resolve));
      const sent = pattern(1024 * 1024);
      client.write(sent.subarray(0, 5));
      await eventually(() => received().length === 5);
      client.end(sent.subarray(5));
      await ended;
      assert.ok(received().equals(sent));
      socket.end("still open");
      let answer = "";
      for await (const chunk of client) answer += String(chunk);
      assert.equal(answer, "still open");
      close();
    },
  );

  test(on("the stream's own queue is not used"), deadline, async () => {
    const { client, socket, received, close } = await taking(transport);
    let events = 0;
    socket.on("data", () => events++);
    client.write("one");
    await eventually(() => received().length === 3);
    assert.equal(events, 0);
    close();
  });

  for (const from of ["outside", "a chunk"]) {
    test(on(`paused from ${from}, it reads no more; resumed, it reads the rest`), deadline, async () => {
      const { client, socket, input, chunks, received, close } = await taking(transport);
      const sent = pattern(32 * 1024 * 1024);
      if (from === "outside") input.pause();
      else
        chunks.push = (...items) => [input.pause(), Array.prototype.push.apply(chunks, items)][1] as number;
      client.end(sent);
      await settled(() => socket.bytesRead + client.writableLength);
      assert.ok(received().length <= 128 * 1024, `${received().length} bytes came while paused`);
      assert.ok(client.writableLength > 0);
      chunks.push = Array.prototype.push;
      input.resume();
      await eventually(() => received().length >= sent.length);
      assert.ok(received().equals(sent));
      close();
    });
  }
}

test("a chunk that does not come by the socket's own push is taken too", deadline, async () => {
  const { socket, received, close } = await taking(tcp);
  Readable.prototype.push.call(socket, Buffer.from("by data"));
  await eventually(() => received().length > 0);
  assert.equal(String(received()), "by data");
  close();
});

test("what was queued before comes first", deadline, async () => {
  const server = tcp.listen((socket) => {
    socket.once("readable", () => {
      new ClientInput(socket, (chunk) => chunks.push(chunk));
      client.write(" second");
    });
  });
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = tcp.dial((server.address() as AddressInfo).port);
  client.write("first");
  await eventually(() => Buffer.concat(chunks).length === 12);
  assert.equal(String(Buffer.concat(chunks)), "first second");
  client.destroy();
  server.close();
});

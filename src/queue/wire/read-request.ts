// A request as its connection has read it: the head as text, the body whole.
import type { RequestHead } from "../../http/request-head.ts";
import { fieldIn } from "../../proxy/client-request.ts";
import type { WireRequest } from "./service.ts";

const noBody: Buffer = Buffer.alloc(0);

export class ReadRequest implements WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  body: Buffer = noBody;
  private readonly text: string;
  private controller: AbortController | null = null;
  private isOver = false;

  constructor(bytes: Buffer, head: RequestHead) {
    this.text = bytes.toString("latin1", head.start, head.end);
    const target = this.text.slice(head.targetStart - head.start, head.targetEnd - head.start);
    const rooted = head.targetLacksSlash ? `/${target}` : target;
    const mark = rooted.indexOf("?");
    this.method = head.method;
    this.path = mark < 0 ? rooted : rooted.slice(0, mark);
    this.query = mark < 0 ? "" : rooted.slice(mark + 1);
  }

  header(name: string): string | undefined {
    return fieldIn(this.text, name);
  }

  signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.isOver) this.controller.abort();
    return this.controller.signal;
  }

  waitNoLonger(): void {
    this.isOver = true;
    this.controller?.abort();
  }
}

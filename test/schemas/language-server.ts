import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SERVER = fileURLToPath(
  new URL('../../node_modules/yaml-language-server/bin/yaml-language-server', import.meta.url),
);

interface Position {
  readonly line: number;
  readonly character: number;
}

interface Diagnostic {
  readonly message: string;
  readonly range: { readonly start: Position };
}

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly result?: unknown;
  readonly params?: unknown;
}

/** The YAML language server that VS Code and Neovim run, over its standard streams, without a network. */
export class LanguageServer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<string, (message: Message) => void>();
  #buffer = Buffer.alloc(0);
  #last = 0;

  private constructor() {
    // A schema that it would fetch is a failure: nothing answers there.
    const env = {
      PATH: process.env['PATH'] ?? '',
      HTTP_PROXY: 'http://127.0.0.1:9',
      HTTPS_PROXY: 'http://127.0.0.1:9',
    };
    this.#child = spawn(process.execPath, [SERVER, '--stdio'], { env });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  static async start(root: string): Promise<LanguageServer> {
    const server = new LanguageServer();
    await server.#request('initialize', {
      processId: process.pid,
      rootUri: pathToFileURL(root).href,
      capabilities: {
        textDocument: { completion: { completionItem: { snippetSupport: true } } },
        workspace: { configuration: true },
      },
    });
    server.#send({ method: 'initialized', params: {} });
    return server;
  }

  /** Opens a file with this text; what is wrong with it, each with its line, from 1. */
  async open(path: string, text: string): Promise<readonly string[]> {
    const uri = pathToFileURL(path).href;
    const told = this.#next(`diagnostics ${uri}`);
    const textDocument = { uri, languageId: 'yaml', version: 1, text };
    this.#send({ method: 'textDocument/didOpen', params: { textDocument } });
    // The shape that the protocol gives.
    const { diagnostics } = (await told).params as { readonly diagnostics: readonly Diagnostic[] };
    return diagnostics.map(({ message, range }) => `${range.start.line + 1}: ${message}`);
  }

  /** What may be written at a place. */
  async complete(path: string, position: Position): Promise<readonly string[]> {
    const { result } = await this.#ask('textDocument/completion', path, position);
    const { items } = result as { readonly items: readonly { readonly label: string }[] }; // the shape of the protocol
    return items.map(({ label }) => label);
  }

  /** What is shown of what stands at a place. */
  async hover(path: string, position: Position): Promise<string> {
    return JSON.stringify((await this.#ask('textDocument/hover', path, position)).result);
  }

  stop(): void {
    this.#child.kill();
  }

  #ask(method: string, path: string, position: Position): Promise<Message> {
    return this.#request(method, { textDocument: { uri: pathToFileURL(path).href }, position });
  }

  #request(method: string, params: unknown): Promise<Message> {
    const id = ++this.#last;
    const answer = this.#next(`answer ${id}`);
    this.#send({ id, method, params });
    return answer;
  }

  #next(what: string): Promise<Message> {
    return new Promise((resolve) => {
      this.#waiting.set(what, resolve);
    });
  }

  #send(message: Message): void {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.#child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      const length = Number(
        /Content-Length: (\d+)/.exec(this.#buffer.toString('latin1', 0, Math.max(end, 0)))?.[1] ?? Number.NaN,
      );
      if (end < 0 || !(this.#buffer.length >= end + 4 + length)) return;
      const text = this.#buffer.toString('utf8', end + 4, end + 4 + length);
      this.#buffer = this.#buffer.subarray(end + 4 + length);
      this.#handle(JSON.parse(text));
    }
  }

  #handle(message: Message): void {
    if (message.method === 'workspace/configuration') {
      const { items } = message.params as { readonly items: readonly unknown[] }; // the shape of the protocol
      this.#send({ id: message.id ?? 0, result: items.map((_item, index) => (index === 0 ? SETTINGS : null)) });
    } else if (message.method !== undefined && message.id !== undefined) this.#send({ id: message.id, result: null });
    const uri = Object(message.params)['uri'];
    const what = message.method === 'textDocument/publishDiagnostics' ? `diagnostics ${uri}` : `answer ${message.id}`;
    this.#waiting.get(what)?.(message);
    this.#waiting.delete(what);
  }
}

const SETTINGS = { validate: true, hover: true, completion: true, schemaStore: { enable: false } };

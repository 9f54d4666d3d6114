import { promisify } from "node:util";
import { brotliCompress, brotliDecompress, gunzip, gzip } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";

type Coder = (bytes: Uint8Array, options?: { maxOutputLength?: number }) => Promise<Uint8Array>;

/** gzip (RFC 1952) in the form that Connect takes. Works in zlib's threads. */
export const compressionGzip: Compression = coding("gzip", promisify(gzip) as Coder, promisify(gunzip) as Coder);

/** Brotli (RFC 7932), likewise. */
export const compressionBrotli: Compression = coding(
  "br",
  promisify(brotliCompress) as Coder,
  promisify(brotliDecompress) as Coder,
);

function coding(name: string, compress: Coder, decompress: Coder): Compression {
  return {
    name,
    compress: async (bytes) => plain(await compress(bytes)),
    decompress: async (bytes, readMaxBytes) => {
      // An empty message may come marked as compressed and be no stream of the coding.
      if (bytes.length === 0) return new Uint8Array(0);
      try {
        return plain(await decompress(bytes, { maxOutputLength: readMaxBytes }));
      } catch (error) {
        if ((error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") {
          const message = `message is larger than ${readMaxBytes} bytes (readMaxBytes) after decompression`;
          throw new ConnectError(message, Code.ResourceExhausted);
        }
        throw new ConnectError(`message is no ${name}`, Code.InvalidArgument, undefined, undefined, error);
      }
    },
  };
}

function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

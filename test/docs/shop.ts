import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { ROOT } from "../e2e/support/runtimes.ts";

/** The pod of docs/json.md: takes protobuf only, and has server reflection. */
export async function startShop(): Promise<{ readonly port: number; stop(): void }> {
  const includeDirs = [join(ROOT, "test/json/protos/v1")];
  const definition = protoLoader.loadSync("shop/v1/cart.proto", { includeDirs, longs: String });
  const server = new grpc.Server();
  server.addService(definition["shop.v1.Cart"] as grpc.ServiceDefinition, {
    Add: ({ request }: grpc.ServerUnaryCall<object, object>, done: grpc.sendUnaryData<object>) =>
      done(null, { version: "v1", item: request }),
  });
  new ReflectionService(definition).addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, stop: () => server.forceShutdown() };
}

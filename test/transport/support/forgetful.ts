/** A program that makes one call and never closes its transport. Argument: the target. */
import process from "node:process";
import { createClient } from "@connectrpc/connect";
import { EchoService } from "../../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { createTransport } from "../../../src/transport/create-transport.ts";

const client = createClient(EchoService, createTransport({ target: process.argv[2] }));
process.stdout.write(`${(await client.echo({})).pod}\n`);

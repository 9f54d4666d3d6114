import { describe, expect, test } from "vitest";
import { Status } from "../../src/protocols/status.ts";
import { firstValue, message, requestFields } from "./support/fields.ts";
import { startTriple } from "./support/world.ts";

describe("content-type of our own gRPC answers", () => {
  // connect-go takes an answer in another codec for no answer at all: conformance, "Timeouts/**/(Codec JSON)".
  test.each(["application/grpc", "application/grpc+json", "application/grpc+proto"])(
    "%s: as the request's",
    async (type) => {
      const { world, client } = await startTriple();
      const fields = requestFields(["grpc-timeout", "10m"]).map((text) => (text === "application/grpc" ? type : text));
      const call = client.unary(message(1), fields);
      await world.settle();
      await world.advance(20);
      expect(call.status.code).toBe(Status.DEADLINE_EXCEEDED);
      expect(firstValue(call.fields, "content-type")).toBe(type);
    },
  );
});

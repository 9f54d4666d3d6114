// AWS Lambda behind a function URL with InvokeMode RESPONSE_STREAM, in the VPC of the pods.
import { createFetchHandler } from "fairlead/fetch";
import { createLambdaHandler } from "fairlead/fetch/lambda";

const target = process.env.TARGET ?? "dns:///echo.internal:50051";

export const handler = createLambdaHandler(createFetchHandler({ backends: [{ target }] }));

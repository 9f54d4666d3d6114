import { Hono } from "hono";
import { AdminService } from "../gen/fairlead/admin/v1/admin_pb.ts";
import { mountConnect } from "./connect-routes.ts";
import { createMetrics } from "./metrics.ts";
import { pagePolicy, statePage } from "./page.ts";
import type { ProcessView } from "./process-view.ts";
import { readiness } from "./readiness.ts";
import { stateMessage } from "./state.ts";
import type { GatewayView } from "./view.ts";

/**
 * The admin port: health for probes, metrics for Prometheus, a page for people, AdminService for programs. Everything is
 * read only.
 */
export function createAdminApp(view: GatewayView, running: ProcessView): Hono {
  const app = new Hono();
  const metrics = createMetrics(view, running);

  // Alive is who answers: also while it starts and drains, or Kubernetes would kill what is about to finish its calls.
  app.get("/livez", (context) => context.text("alive\n"));
  app.get("/readyz", (context) => {
    const now = readiness(view);
    return now.ready ? context.text("ready\n") : context.text(`not ready: ${now.reason}\n`, 503);
  });
  app.get("/metrics", async (context) =>
    context.body(await metrics.metrics(), 200, { "content-type": metrics.contentType, "cache-control": "no-store" }),
  );
  app.get("/", (context) =>
    context.html(statePage(view, running), 200, { "content-security-policy": pagePolicy, "cache-control": "no-store" }),
  );
  mountConnect(app, (router) => {
    router.service(AdminService, { getState: () => stateMessage(view, running.version) });
  });
  app.notFound((context) =>
    context.text(
      "there are /livez, /readyz, /metrics, a page at /, and POST /fairlead.admin.v1.AdminService/GetState\n",
      404,
    ),
  );
  return app;
}

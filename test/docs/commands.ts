/** What becomes of a command of the documentation in this suite. */
export type Fate =
  /** It is run by packed.test.ts, and must end with 0. */
  | { readonly runs: "to its end" }
  /** It is run there, and must listen. */
  | { readonly runs: "until the page ends" }
  /** Another file of the repository runs it; `as` stands in that file. */
  | { readonly by: string; readonly as: string }
  /** It cannot be run here. */
  | { readonly needs: string };

const ENDS: Fate = { runs: "to its end" };
const SERVES: Fate = { runs: "until the page ends" };
const README_TEST = "test/browser/tutorial.test.ts";
const DEPLOY_TEST = "test/deploy/docs.test.ts";
const RENDERED: Fate = { by: DEPLOY_TEST, as: "helm upgrade" };
const APPLIED: Fate = { by: DEPLOY_TEST, as: "kubectl apply" };
const INSTALLED: Fate = { by: DEPLOY_TEST, as: "npm install" };
const EXAMPLE: Fate = { by: "test/docs/packed.test.ts", as: "startShop()" };
const CLUSTER: Fate = { needs: "a cluster" };
const ENGINE: Fate = { needs: "a container engine; npm run container takes the same steps" };
const tutorial: Fate = { by: README_TEST, as: "readSection(CONNECT_WEB)" };

/** Every command in every `sh` fence, by page. One that is not here fails the suite, and so does one that is only here. */
export const commands: Readonly<Record<string, Readonly<Record<string, Fate>>>> = {
  "README.md": {
    "npm ci && npm run demo": { by: ".ci/run", as: "npm run --silent demo" },
    "npm ci && npm test": { by: ".ci/run", as: "npm test --silent" },
    "npx fairlead dns:///echo.default.svc.cluster.local:50051": SERVES,
    "kubectl apply -f deploy/kubernetes.yaml": {
      by: "test/deploy/kubernetes/manifests.test.ts",
      as: "deploy/kubernetes.yaml",
    },
    "mkdir answers && cd answers": tutorial,
    "npm init -y && npm pkg set type=module": tutorial,
    "npm install fairlead @connectrpc/connect@2.1 @connectrpc/connect-web@2.1 @connectrpc/connect-node@2.1 @bufbuild/protobuf@2":
      tutorial,
    "npm install --save-dev vite@8 @bufbuild/buf@1 @bufbuild/protoc-gen-es@2": tutorial,
    "npx buf generate": tutorial,
    "node pods.js": tutorial,
    "npx fairlead --config fairlead.yaml": tutorial,
    "npx vite --port 5173": tutorial,
    "npm install grpc-web@2": { by: README_TEST, as: "readSection(GRPC_WEB)" },
  },
  "docs/start.md": {
    "npx fairlead demo": { by: ".ci/run", as: "npm run --silent demo" },
    "npx fairlead ipv4:127.0.0.1:50051,127.0.0.1:50052,127.0.0.1:50053": SERVES,
    'curl --json \'{"name": "Ada"}\' http://localhost:8080/greet.v1.Greeter/Greet': ENDS,
    'npx buf curl --schema proto --protocol grpc --http2-prior-knowledge -d \'{"name": "Ada"}\' http://localhost:8080/greet.v1.Greeter/Greet':
      ENDS,
    'npx buf curl --schema proto --protocol grpcweb -d \'{"name": "Ada"}\' http://localhost:8080/greet.v1.Greeter/Greet':
      ENDS,
    'npx buf curl --schema proto --protocol connect -d \'{"name": "Ada"}\' http://localhost:8080/greet.v1.Greeter/Greet':
      ENDS,
    "curl http://localhost:9901/readyz": ENDS,
    "curl -s http://localhost:9901/metrics | grep fairlead_picks_total": ENDS,
    "npx fairlead check --config fairlead.yaml": ENDS,
    "npx fairlead --config fairlead.yaml": SERVES,
  },
  "docs/observe.md": {
    "curl http://127.0.0.1:9901/livez": ENDS,
    "curl http://127.0.0.1:9901/readyz": ENDS,
    "curl http://127.0.0.1:9901/metrics": ENDS,
    "curl http://127.0.0.1:9901/": ENDS,
    "curl --json '{}' http://127.0.0.1:9901/fairlead.admin.v1.AdminService/GetState": ENDS,
  },
  "docs/secure.md": {
    "npx fairlead --listen 0.0.0.0:8443 --tls-cert tls.crt --tls-key tls.key ipv4:127.0.0.1:50051": SERVES,
    "npx fairlead --admin 0.0.0.0:9901 ipv4:127.0.0.1:50051": SERVES,
    "npx fairlead --admin off ipv4:127.0.0.1:50051": SERVES,
  },
  "docs/migrate.md": {
    "grpcwebproxy --backend_addr=localhost:50051 --run_tls_server=false --allow_all_origins": {
      needs: "grpcwebproxy, whose last release was in 2021",
    },
    "npx fairlead --cors-origin '*' ipv4:127.0.0.1:50051": SERVES,
  },
  "docs/serverless.md": {
    "npx wrangler deploy": { needs: "an account with Cloudflare" },
    "npx wrangler deploy chain.ts --env chain": { needs: "an account with Cloudflare" },
    "deno task gateway": { by: "test/fetch/platforms/deno.test.ts", as: 'permissions("gateway")' },
    "TARGET=dns:///echo.default.svc:50051 deno task serve": {
      by: "test/fetch/support/platforms.ts",
      as: 'startDenoServe("deploy/deno/main.ts"',
    },
    "deno task compile": { by: "test/fetch/platforms/deno.test.ts", as: 'permissions("compile")' },
    "npm run conformance:fetch": { by: ".ci/run", as: "npm run --silent conformance:fetch" },
  },
  "docs/json.md": {
    "fairlead --listen 127.0.0.1:8080 dns:///shop:50051 &": EXAMPLE,
    'curl --json \'{"name": "tea", "price": "350"}\' localhost:8080/shop.v1.Cart/Add': EXAMPLE,
  },
  "docs/kubernetes.md": {
    "kubectl apply -f deploy/kubernetes.yaml": APPLIED,
    "kubectl apply -k deploy/kubernetes/base": APPLIED,
    "kubectl apply -k deploy/example": APPLIED,
    "helm upgrade --install fairlead deploy/helm/fairlead --set image.repository=registry.example.com/fairlead":
      RENDERED,
    "helm upgrade --install fairlead deploy/helm/fairlead --set 'backends[0].name=cart' --set 'backends[0].target=dns:///cart.shop.svc.cluster.local:50051'":
      RENDERED,
    "helm upgrade --install fairlead deploy/helm/fairlead --values values.yaml": RENDERED,
    "helm upgrade fairlead deploy/helm/fairlead --reset-then-reuse-values --set image.tag=0.1.1": RENDERED,
    "kubectl --namespace fairlead-example port-forward deployment/fairlead 8080 9901": CLUSTER,
    "kubectl --namespace fairlead-example port-forward service/page 8000": CLUSTER,
    "kubectl rollout status deployment/fairlead": CLUSTER,
    "helm upgrade --install prometheus-adapter prometheus-community/prometheus-adapter --values deploy/kubernetes/prometheus-adapter.yaml":
      CLUSTER,
  },
  "deploy/helm/fairlead/README.md": {
    "helm upgrade --install fairlead deploy/helm/fairlead --set image.repository=registry.example.com/fairlead --set 'backends[0].name=cart' --set 'backends[0].target=dns:///cart.shop.svc.cluster.local:50051'":
      RENDERED,
    "helm test fairlead": { by: "test/deploy/helm/after.test.ts", as: "helm test" },
  },
  "deploy/README.md": {
    "podman build --tag fairlead:0.1.0 --file deploy/container/Containerfile .": ENGINE,
    "podman run --read-only --cap-drop all --publish 8080:8080 fairlead:0.1.0 dns:///echo.example.internal:50051":
      ENGINE,
    "docker compose --file deploy/compose/compose.yaml up --build": {
      by: "test/deploy/compose/compose.test.ts",
      as: "compose.yaml",
    },
    "npm run build && npm pack": INSTALLED,
    "install -d /opt/fairlead /etc/fairlead": INSTALLED,
    "tar --extract --gzip --strip-components=1 --directory=/opt/fairlead --file=fairlead-0.1.0.tgz": INSTALLED,
    "npm install --omit=dev --prefix /opt/fairlead": INSTALLED,
    "install -m 644 deploy/systemd/fairlead.yaml /etc/fairlead/": INSTALLED,
    "install -m 644 deploy/systemd/fairlead.service deploy/systemd/fairlead.socket /etc/systemd/system/": INSTALLED,
    "systemctl enable --now fairlead.socket fairlead.service": { needs: "systemd" },
  },
  "docs/conformance.md": {
    "npm run conformance": { by: ".ci/run", as: "npm run --silent conformance" },
    "npm run conformance -- --ci": { by: ".ci/run", as: "npm run --silent conformance -- --ci" },
    "npm run conformance -- --part server --protocol connect --http 1 --run '**/unary/*'": {
      by: "test/docs/commands.test.ts",
      as: "readOptions",
    },
    "npm run conformance -- --help": { by: "test/docs/commands.test.ts", as: "readOptions" },
  },
};

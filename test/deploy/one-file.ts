import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { ROOT } from "../e2e/support/runtimes.ts";

const HEAD = `# Fairlead in front of a headless Service, all of it in one file; docs/kubernetes.md says what each part is for.
#   kubectl apply -f deploy/kubernetes.yaml
#
# Printed by \`npm run deploy:file\` from deploy/kubernetes/base. Change the target in the ConfigMap, its port in the NetworkPolicy too,
# and the image to the one that you built; after a change of the ConfigMap: kubectl rollout restart deployment/fairlead.
#
# The Service of the pods must be headless, or DNS gives one virtual address instead of the pods':
#   spec: { clusterIP: None }
`;

interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly { readonly name: string; readonly options: { readonly labels: object } }[];
  readonly images: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[];
}

/** deploy/kubernetes/base as one file, with its comments: for those who want to read one thing, and have no kustomize. */
export function oneFile(): string {
  const read = (name: string) => readFileSync(join(ROOT, "deploy/kubernetes/base", name), "utf8");
  const { resources, configMapGenerator, images } = parse(read("kustomization.yaml")) as Kustomization;
  const [{ name, options }] = configMapGenerator;
  const head = stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels: options.labels } });
  const content = read("fairlead.yaml").trimEnd().split("\n");
  const config = `${head}data:\n  fairlead.yaml: |\n${content.map((line) => `    ${line}`).join("\n")}\n`;
  const [image] = images;
  const others = resources.map((file) =>
    read(file).replace(`image: ${image.name}\n`, `image: ${image.newName}:${image.newTag}\n`),
  );
  return `${HEAD}${[config, ...others].join("---\n")}`;
}

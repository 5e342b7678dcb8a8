// What places the boxes and arrows of a graph; `nox -s vendor` bundles it.
import { graphlib, layout } from "@dagrejs/dagre";

export const { Graph } = graphlib;
export { layout };

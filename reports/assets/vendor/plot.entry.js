// What the drawings use of Observable Plot; `nox -s vendor` bundles it, with the parts of d3 it needs.
export {
  areaY, axisX, axisY, barX, cell, contour, crosshair, dot, dotX, gridX, gridY, line, lineY, link, plot, pointer,
  rect, ruleX, ruleY, text, tickX, tip, vector,
} from "@observablehq/plot";

/** The server's records under the names the page uses. Generated from viewer/openapi.json; nothing is declared by hand. */
import type { components } from "./schema";

type Schemas = components["schemas"];
export type ReportSummary = Schemas["ReportSummary"];
export type ModelPanel = Schemas["ModelPanel"];
export type SequenceDetail = Schemas["SequenceDetail"];
export type FrameOut = Schemas["FrameOut"];
export type BoxOut = Schemas["BoxOut"];
export type TubeOut = Schemas["TubeOut"];
export type CropOut = Schemas["CropOut"];
export type Neighbour = Schemas["Neighbour"];
export type Problem = Schemas["Problem"];

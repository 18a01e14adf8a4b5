/** Types of other projects' files that their packages do not describe under the names by which modules import them. */

import type uPlotType from "uplot";

declare global {
  /** A class of the classic script `vendor/uPlot.iife.min.js`. */
  const uPlot: typeof uPlotType;
  type uPlot = uPlotType;
}

interface Language {
  (library: unknown): unknown;
}

declare module "highlight" {
  const library: {
    registerLanguage(name: string, language: unknown): void;
    getLanguage(name: string): unknown;
    highlight(code: string, options: { language: string; ignoreIllegals?: boolean }): { value: string };
  };
  export default library;
}

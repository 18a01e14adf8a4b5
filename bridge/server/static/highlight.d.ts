/** What the page uses of highlight.js, whose files for browsers have no types. */

declare module "highlight" {
  const highlight: {
    getLanguage(name: string): unknown;
    registerLanguage(name: string, grammar: unknown): void;
    highlight(text: string, options: { language: string; ignoreIllegals?: boolean }): { value: string };
  };
  export default highlight;
}

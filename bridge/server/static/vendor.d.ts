/** Types of other projects' files that their packages do not describe under the names by which modules import them. */

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

import { readdirSync } from "node:fs";
import js from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

/** Imports go down only: app -> features -> components, lib; components -> lib; features meet in lib. */
const forbid = (files, groups, message) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [{ group: groups, message }] }] },
});

const features = readdirSync(new URL("./src/features", import.meta.url));
const boundaries = [
  forbid(["src/lib/**"], ["**/app/**", "**/features/**", "**/components/**"], "lib imports only lib."),
  forbid(["src/components/**"], ["**/app/**", "**/features/**"], "components import only components and lib."),
  ...features.map((name) =>
    forbid(
      [`src/features/${name}/**`],
      // "../../" leads out of the feature: its files lie two folders deep.
      ["**/app/**", "../../**", ...features.filter((other) => other !== name).map((other) => `@/features/${other}/**`)],
      "A feature imports components, lib and itself; features meet in lib.",
    ),
  ),
];

export default tseslint.config(
  { ignores: ["node_modules", "src/lib/api/schema.d.ts"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  jsxA11y.flatConfigs.strict,
  reactHooks.configs.flat.recommended,
  {
    languageOptions: { globals: globals.browser, parserOptions: { projectService: { allowDefaultProject: ["*.js"] } } },
    rules: {
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Loops over typed arrays index within their own bounds; `?? 0` there would cost time and say nothing.
      "@typescript-eslint/no-non-null-assertion": "off",
      // The virtualizer's handles are not memoizable; the table does not rely on that.
      "react-hooks/incompatible-library": "off",
    },
  },
  ...boundaries,
  { files: ["*.js"], ...tseslint.configs.disableTypeChecked },
);

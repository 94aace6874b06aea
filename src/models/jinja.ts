/** Makes text stand in a file that dbt renders: whatever opens a Jinja tag is printed by one. */
export function escapeJinja(text: string): string {
  return text.replace(/\{[{%#]/g, (opening) => `{{ '${opening}' }}`);
}

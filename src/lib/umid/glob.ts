/** Whether a umid fits a shell pattern: `*`, `?`, `[a-z]`, `[!a-z]`; everything else stands for itself. */
export function matchesPattern(umid: string, pattern: string): boolean {
  const source = pattern.replace(/\*|\?|\[(!?)([^\]]+)\]|[^*?[]+|\[/g, (part, not?: string, set?: string) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (set !== undefined) return `[${not ? '^' : ''}${set.replace(/[\\^[]/g, '\\$&')}]`;
    return part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  try {
    return new RegExp(`^${source}$`, 'su').test(umid);
  } catch {
    return false; // a range that runs backwards fits nothing
  }
}

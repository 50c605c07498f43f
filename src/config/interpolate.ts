/** `${NAME}` inside the string values of a file, from the environment. `$${` stands for a literal `${`. */

export interface Interpolated {
  readonly text: string;
  /** the variables that stood in the text, with their values */
  readonly used: readonly { readonly name: string; readonly value: string }[];
  /** variables that are unset or empty */
  readonly missing: readonly string[];
  /** true where `${` begins something that is no variable's name */
  readonly malformed: boolean;
}

/**
 * Replaces every reference once: what comes from a variable is not looked at again, and stays one string
 * whatever characters it holds.
 */
export function interpolate(text: string, env: NodeJS.ProcessEnv): Interpolated {
  const used: { name: string; value: string }[] = [];
  const missing: string[] = [];
  let malformed = false;
  const result = text.replaceAll(/\$\$\{|\$\{([^}]*)\}?/g, (found: string, name: string | undefined) => {
    if (found === '$${') return '${';
    if (name === undefined || !found.endsWith('}') || !/^[A-Za-z_]\w*$/.test(name)) {
      malformed = true;
      return found;
    }
    const value = env[name];
    if (value === undefined || value === '') {
      missing.push(name);
      return found;
    }
    used.push({ name, value });
    return value;
  });
  return { text: result, used, missing, malformed };
}

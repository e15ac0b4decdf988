import { useState } from "react";
import { ProblemError } from "../api/problem";
import type { FieldError } from "./rules";

type Rules<F extends string> = Partial<Record<F, (value: string) => FieldError | undefined>>;

/**
 * The values of a form and what is wrong with them. Rules are checked on submit; what was wrong is checked again while it is
 * being corrected.
 */
export function useForm<F extends string>(initial: Record<F, string>, rules: Rules<F>) {
  const [values, setValues] = useState(initial);
  const [errors, setErrors] = useState<Partial<Record<F, FieldError>>>({});

  function set(field: F, value: string) {
    setValues((before) => ({ ...before, [field]: value }));
    if (errors[field]) put(field, rules[field]?.(value));
  }

  function put(field: F, error: FieldError | undefined) {
    setErrors(({ [field]: _, ...others }) => {
      const rest = others as Partial<Record<F, FieldError>>;
      return error ? { ...rest, [field]: error } : rest;
    });
  }

  /** Whether all is well; where not, the first wrong field gets the focus. */
  function check(form: HTMLFormElement): boolean {
    const found: Partial<Record<F, FieldError>> = {};
    for (const field of Object.keys(values) as F[]) {
      const error = rules[field]?.(values[field]);
      if (error) found[field] = error;
    }
    setErrors(found);
    return !focusFirst(form, Object.keys(found));
  }

  /**
   * Takes over what the server found wrong; says whether it was about any field of this form. `reasons` says what must be the
   * matter with a field that keeps our own rules.
   */
  function refuse(form: HTMLFormElement, error: unknown, reasons: Partial<Record<F, FieldError>> = {}): boolean {
    if (!(error instanceof ProblemError) || error.code !== "validation") return false;
    const fields = error.fields.map(({ field }) => field.replace(/^body\./, "")).filter((field) => field in values) as F[];
    for (const field of fields) put(field, rules[field]?.(values[field]) ?? reasons[field] ?? "error.validation");
    return focusFirst(form, fields);
  }

  function input(field: F) {
    return {
      name: field,
      value: values[field],
      onChange: (event: { target: { value: string } }) => set(field, event.target.value),
    };
  }

  return { values, errors, setValues, input, check, refuse, put };
}

function focusFirst(form: HTMLFormElement, names: string[]): boolean {
  for (const element of form.elements) {
    if (element instanceof HTMLInputElement && names.includes(element.name)) {
      element.focus();
      return true;
    }
  }
  return false;
}

// Types of lib/ui.js, which re-exports the vendored Preact and htm.

export type Node = unknown;
export type Ref<T> = { current: T };
export type Setter<T> = (next: T | ((before: T) => T)) => void;

export function html(strings: TemplateStringsArray, ...values: unknown[]): Node;
export function render(node: Node, parent: Element): void;
export function useState<T>(initial: T | (() => T)): [T, Setter<T>];
export function useEffect(effect: () => unknown, inputs?: unknown[]): void;
export function useLayoutEffect(effect: () => unknown, inputs?: unknown[]): void;
export function useRef<T = any>(initial?: T): Ref<T>;
export class Component {
  props: any;
  state: any;
  setState(change: object): void;
}

/** Directed edges: from each node to those that follow it. */
export type Edges = ReadonlyMap<string, ReadonlySet<string>>;

interface Visit {
  readonly node: string;
  readonly next: Iterator<string>;
}

/**
 * Returns the strongly connected components of more than one node (Tarjan's algorithm, without recursion: a room has
 * more messages than the stack has frames).
 */
export function circlesIn(edges: Edges): string[][] {
  const circles: string[][] = [];
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();

  const enter = (node: string): Visit => {
    index.set(node, index.size);
    low.set(node, index.size - 1);
    open.push(node);
    isOpen.add(node);
    return { node, next: (edges.get(node) ?? []).values() };
  };
  const lower = (node: string, to: number): void => {
    low.set(node, Math.min(low.get(node) ?? to, to));
  };
  const leave = (node: string): void => {
    if (low.get(node) !== index.get(node)) return;
    const component = open.splice(open.lastIndexOf(node));
    for (const member of component) isOpen.delete(member);
    if (component.length > 1) circles.push(component);
  };

  for (const start of edges.keys()) {
    if (index.has(start)) continue;
    const path = [enter(start)];
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const { value: next, done } = visit.next.next();
      if (done === true) {
        path.pop();
        leave(visit.node);
        const parent = path.at(-1);
        if (parent !== undefined) lower(parent.node, low.get(visit.node) ?? 0);
      } else if (!index.has(next)) path.push(enter(next));
      else if (isOpen.has(next)) lower(visit.node, index.get(next) ?? 0);
    }
  }
  return circles;
}

import { readFileSync, readdirSync } from 'node:fs';
import process from 'node:process';

/** Fewer than these cannot serve: the process itself and Redis need about forty. */
export const MIN_DESCRIPTORS = 128;

/** What a process has open that serves nobody yet, where it cannot be counted. */
const USUALLY_OPEN = 48;
/** Where the system shows them: Linux, and macOS and the BSDs. */
const FOLDERS = ['/proc/self/fd', '/dev/fd'];

/**
 * Returns how many file descriptors this process may have open, each socket being one; undefined where that is unknown
 * or unlimited. Node raises its soft limit to the hard one when it starts.
 */
export function descriptorLimit(): number | undefined {
  const limit = limitOfLinux() ?? limitInReport();
  return limit !== undefined && Number.isSafeInteger(limit) && limit > 0 ? limit : undefined;
}

/** Counts the file descriptors that this process has open. */
export function openDescriptors(): number {
  for (const folder of FOLDERS) {
    try {
      // One of them is the folder's own.
      return readdirSync(folder).length - 1;
    } catch {
      // Another system, or none is left for the folder.
    }
  }
  return USUALLY_OPEN;
}

/** Returns the text for a log or the console: the problem, and what to do about it. */
export function tooFewDescriptors(problem: string): string {
  return `Too few file descriptors: ${problem}. Raise their limit: ulimit -n, LimitNOFILE of systemd, --ulimit nofile of Docker.`;
}

function limitOfLinux(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

function limitInReport(): number | undefined {
  const { report } = process;
  if (report === undefined) return undefined;
  // It would look up the names of all sockets' addresses. The types do not know this switch yet.
  const wasExcluded: unknown = Reflect.get(report, 'excludeNetwork');
  Reflect.set(report, 'excludeNetwork', true);
  try {
    const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
    return Number(userLimits?.open_files?.soft);
  } catch {
    return undefined;
  } finally {
    Reflect.set(report, 'excludeNetwork', wasExcluded);
  }
}

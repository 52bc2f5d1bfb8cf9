/** The mark: a gate in a town wall. Decorative, the name stands beside it. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="var(--mantine-color-bastide-7)" />
      <path fill="#fff" d="M7 9h3v2.5h3V9h6v2.5h3V9h3v15h-6.5v-4.5a2.5 2.5 0 0 0-5 0V24H7z" />
    </svg>
  );
}

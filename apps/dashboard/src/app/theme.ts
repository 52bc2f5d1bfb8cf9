import { createTheme, type MantineColorsTuple } from '@mantine/core';

/** Pine green: the one accent. Shade 7 on white and white on shade 7 reach 5:1. */
const bastide: MantineColorsTuple = [
  '#eefaf5',
  '#dcf3ea',
  '#b5e5d2',
  '#8bd6b9',
  '#67c9a4',
  '#4fbf96',
  '#39a880',
  '#1f7a5e',
  '#18644d',
  '#0e4a38',
];

/** One accent, quiet corners, the system's own typeface: nothing is loaded for it. */
export const theme = createTheme({
  primaryColor: 'bastide',
  primaryShade: { light: 7, dark: 7 },
  colors: { bastide },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: '650' },
  components: {
    // Scroll locking writes a style element at run time, which the content security policy forbids.
    Modal: { defaultProps: { lockScroll: false, centered: true } },
    Drawer: { defaultProps: { lockScroll: false } },
  },
});

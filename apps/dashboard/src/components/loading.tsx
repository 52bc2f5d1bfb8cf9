import { Center, Loader } from '@mantine/core';
import { useOnItsWay } from './on-its-way.js';

/** Something small is on its way, whose shape nobody knows. Pages have placeholders in their shape. */
export function Loading() {
  useOnItsWay();
  return (
    <Center mih={160} aria-hidden data-on-its-way>
      <Loader size="sm" />
    </Center>
  );
}

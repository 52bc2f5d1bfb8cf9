import { Tabs } from '@mantine/core';
import { useEffect, useRef } from 'react';
import classes from './tab-list.module.css';

/** The tabs of a page, in one line: where there is no room for all, it scrolls, and the open one is in sight. */
export function TabList({
  names,
  open,
  labelOf,
}: {
  names: readonly string[];
  open: string;
  labelOf: (name: string) => string;
}) {
  const list = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another tab is open
  useEffect(() => {
    const tab = list.current?.querySelector<HTMLElement>('[aria-selected="true"]');
    if (list.current && tab)
      list.current.scrollLeft = tab.offsetLeft - (list.current.clientWidth - tab.offsetWidth) / 2;
  }, [open]);
  return (
    <Tabs.List ref={list} className={classes['list'] ?? ''} mb="lg">
      {names.map((name) => (
        <Tabs.Tab key={name} value={name}>
          {labelOf(name)}
        </Tabs.Tab>
      ))}
    </Tabs.List>
  );
}

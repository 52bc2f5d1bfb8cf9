import { Table, type TableProps } from '@mantine/core';
import type { ReactNode } from 'react';
import { Scroll } from './scroll.js';

/** A table below its heads; one that is wider than the page scrolls by itself. Its body is given. */
export function ListTable({
  label,
  heads,
  surface = false,
  caption,
  children,
  ...table
}: Omit<TableProps, 'children' | 'data'> & {
  /** What is listed, for who hears the page; `caption` where the table itself needs another name. */
  label: string;
  heads: readonly string[];
  surface?: boolean;
  caption?: string;
  children: ReactNode;
}) {
  return (
    <Scroll label={label} surface={surface}>
      <Table {...table}>
        {caption ? <Table.Caption className="visually-hidden">{caption}</Table.Caption> : null}
        <Table.Thead>
          <Table.Tr>
            {heads.map((head) => (
              <Table.Th key={head}>{head}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        {children}
      </Table>
    </Scroll>
  );
}

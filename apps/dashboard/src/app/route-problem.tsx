import { useEffect } from 'react';
import { useRouteError } from 'react-router';
import { toProblem } from '../api/problem.js';
import { ProblemCard } from '../components/problem-card.js';
import classes from './shell.module.css';

const CHUNK = /dynamically imported module|Importing a module script failed|error loading dynamically/i;

/** What a page shows when it failed: the problem, and a way on. A page that a newer version replaced is loaded anew, once. */
export function RouteProblem() {
  const error = useRouteError();
  const outdated = error instanceof Error && CHUNK.test(error.message);
  useEffect(() => {
    const at = Number(sessionStorage.getItem('bastide.reloaded') ?? 0);
    if (!outdated || Date.now() - at < 60_000) return;
    sessionStorage.setItem('bastide.reloaded', `${Date.now()}`);
    location.reload();
  }, [outdated]);
  return (
    <main className={classes['content']}>
      <ProblemCard problem={toProblem(error)} onRetry={() => location.reload()} />
    </main>
  );
}

import { type ReactNode, useEffect, useRef, useState } from 'react';
import cards from './cards.module.css';

/** Wide content in a narrow page: scrolls sideways by itself, and then the keyboard reaches it. */
export function Scroll({ label, surface, children }: { label: string; surface?: boolean; children: ReactNode }) {
  const frame = useRef<HTMLDivElement>(null);
  const [scrolls, setScrolls] = useState(false);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const look = new ResizeObserver(() => setScrolls(element.scrollWidth > element.clientWidth));
    look.observe(element);
    for (const child of element.children) look.observe(child);
    return () => look.disconnect();
  }, []);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form fields
    <div
      ref={frame}
      className={`${surface ? 'surface ' : ''}${cards['scroll'] ?? ''}`}
      role="group"
      aria-label={label}
      {...(scrolls ? { tabIndex: 0 } : {})}
    >
      {children}
    </div>
  );
}

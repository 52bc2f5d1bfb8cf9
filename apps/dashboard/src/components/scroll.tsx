import { type ReactNode, useEffect, useRef, useState } from 'react';
import cards from './cards.module.css';

/** Wide content in a narrow page: scrolls sideways by itself, and then the keyboard reaches it. */
export function Scroll({ label, surface, children }: { label: string; surface?: boolean; children: ReactNode }) {
  const frame = useRef<HTMLDivElement>(null);
  const [scrolls, setScrolls] = useState(false);
  const [more, setMore] = useState(false);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const look = (): void => {
      setScrolls(element.scrollWidth > element.clientWidth);
      setMore(element.scrollLeft + element.clientWidth < element.scrollWidth - 1);
    };
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    for (const child of element.children) sizes.observe(child);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form fields
    <div
      ref={frame}
      className={`${surface ? 'surface ' : ''}${cards['scroll'] ?? ''}`}
      role="group"
      aria-label={label}
      {...(scrolls ? { tabIndex: 0 } : {})}
      {...(more ? { 'data-more': true } : {})}
    >
      {children}
    </div>
  );
}

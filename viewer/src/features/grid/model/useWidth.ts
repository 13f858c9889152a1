import { useLayoutEffect, useState } from "react";

type Element = React.RefObject<HTMLElement | null>;

/** Inner width of an element, followed as it changes. */
export const useWidth = (element: Element): number => useSize(element, "width", 800);

/** Inner height of an element, followed as it changes. */
export const useHeight = (element: Element): number => useSize(element, "height", 600);

function useSize(element: Element, side: "width" | "height", start: number): number {
  const [size, setSize] = useState(start);
  useLayoutEffect(() => {
    if (element.current === null) return;
    const observer = new ResizeObserver(([entry]) => setSize(Math.floor(entry!.contentRect[side])));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, side]);
  return size;
}

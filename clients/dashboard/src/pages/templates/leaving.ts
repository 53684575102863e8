/** Asks before a page with unsaved changes is left: by a link, by the browser's back, or for good. */
export interface Guard {
  /** There are changes now: the browser's next step back is caught. */
  hold: () => void;
  end: () => void;
}

/** `ask` gets where the person wants to go; empty for "back". */
export function guardLeaving(isDirty: () => boolean, ask: (to: string) => void): Guard {
  /** Whether the page has a second entry in the browser's history, which a step back takes away first. */
  let isHeld = false;

  function hold(): void {
    if (!isHeld) {
      isHeld = true;
      history.pushState(null, '', location.href);
    }
  }

  function onClick(event: MouseEvent): void {
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const anchor = event.target instanceof Element ? event.target.closest('a') : null;
    if (!plain || !anchor || anchor.target || anchor.hasAttribute('download') || !isDirty()) {
      return;
    }
    const url = new URL(anchor.href, location.href);
    if (url.origin === location.origin && url.pathname !== location.pathname) {
      event.preventDefault();
      ask(url.href);
    }
  }

  function onPopState(): void {
    if (!isHeld) {
      return;
    }
    isHeld = false;
    if (isDirty()) {
      hold();
      ask('');
    } else {
      history.back();
    }
  }

  function onUnload(event: BeforeUnloadEvent): void {
    if (isDirty()) {
      event.preventDefault();
    }
  }

  document.addEventListener('click', onClick, { capture: true });
  addEventListener('popstate', onPopState);
  addEventListener('beforeunload', onUnload);
  return {
    hold,
    end: () => {
      document.removeEventListener('click', onClick, { capture: true });
      removeEventListener('popstate', onPopState);
      removeEventListener('beforeunload', onUnload);
    },
  };
}

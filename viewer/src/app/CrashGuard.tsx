/** A bug in one part shows as an error, not as a blank page. */
import { Component, type ReactNode } from "react";

interface Props {
  fallback: (error: unknown) => ReactNode;
  children: ReactNode;
}

export class CrashGuard extends Component<Props, { error: unknown; crashed: boolean }> {
  override state = { error: null as unknown, crashed: false };

  static getDerivedStateFromError(error: unknown) {
    return { error, crashed: true };
  }

  override render(): ReactNode {
    return this.state.crashed ? this.props.fallback(this.state.error) : this.props.children;
  }
}

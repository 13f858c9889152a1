/** Starts the page: one data source, one view store, one query cache. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "@/app/App";
import "@/app/theme.css";
import { DataError, DataSourceProvider } from "@/lib/data/dataSource";
import { exportedSource, isExported } from "@/lib/data/exportedSource";
import { liveSource } from "@/lib/data/liveSource";
import { liveReview, ReviewSourceProvider } from "@/lib/review/reviewSource";
import { restoreScheme } from "@/lib/scheme";
import { ViewProvider, ViewStore } from "@/lib/view/store";

restoreScheme();
// An export is only looked at: it has no decisions.
const [data, review] = isExported(document) ? [exportedSource(), null] : [liveSource(), liveReview()];
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // A server that answers with a problem will answer the same again; one that does not answer may come back.
      retry: (failures, error) => failures < 2 && error instanceof DataError && error.status === 0,
      retryDelay: 400,
      refetchOnWindowFocus: false,
      // The server is on this machine: the browser's idea of being offline says nothing about it.
      networkMode: "always",
    },
  },
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <DataSourceProvider value={data}>
        <ReviewSourceProvider value={review}>
          <ViewProvider value={new ViewStore(window)}>
            <App />
          </ViewProvider>
        </ReviewSourceProvider>
      </DataSourceProvider>
    </QueryClientProvider>
  </StrictMode>,
);

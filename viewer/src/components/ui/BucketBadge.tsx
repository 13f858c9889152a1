import { BUCKET_LOOKS } from "@/lib/buckets";
import type { Bucket } from "@/lib/columns/buckets";
import styles from "./BucketBadge.module.css";

export function BucketBadge({ bucket, title }: { bucket: Bucket; title?: string | undefined }) {
  const look = BUCKET_LOOKS[bucket];
  return (
    <span className={`${styles.badge} ${styles[bucket]}`} title={title ?? look.meaning}>
      <span aria-hidden="true">{look.sign}</span> {look.name}
    </span>
  );
}

import { Fragment } from "react";
import { Dialog } from "@/components/ui/Dialog";
import { KEYMAP } from "@/lib/keys/keymap";
import { keyName, keyGroups } from "../model/groups";
import styles from "./HelpSheet.module.css";

/** Every key of the keymap; nothing is listed here by hand. */
export function HelpSheet({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <div className={styles.groups}>
        {keyGroups(Object.values(KEYMAP)).map(({ group, entries }) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {entries.map(({ keys, what }) => (
                <div key={what}>
                  <dt>
                    {keys.map((key, index) => (
                      <Fragment key={key}>
                        {index > 0 && " or "}
                        <kbd>{keyName(key)}</kbd>
                      </Fragment>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className={styles.note}>Everything you see is in the address: copy it to share the filters, the order, the threshold and the open sequence.</p>
    </Dialog>
  );
}

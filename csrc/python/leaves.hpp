// The leaves of nested containers, listed where these are built exactly as is asked.
#pragma once
#include "python/gil.hpp"
#include "python/objects.hpp"

namespace fastopt {

// A form is None for a leaf, a tuple of forms for a list or tuple, a dict of forms for a dict.
class Leaves {
  public:
    // Appends to a list. Other containers are left to Python, which can tell what is wrong with them.
    explicit Leaves(PyObject* found) : found_(found) {}

    // Returns false for a container of another form, and after an error.
    bool list(PyObject* form, PyObject* tree) const {
        if (form == Py_None) return PyList_Append(found_, tree) == 0;
        return PyTuple_CheckExact(form) ? of_sequence(form, tree) : of_mapping(form, tree);
    }

    static bool is_flat(PyObject* form) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(form); ++i) {
            if (PyTuple_GET_ITEM(form, i) != Py_None) return false;
        }
        return true;
    }

  private:
    PyObject* found_;

    bool of_sequence(PyObject* form, PyObject* tree) const {
        const bool is_list = PyList_Check(tree);
        if (!is_list && !PyTuple_Check(tree)) return false;
        // A subclass may iterate over something else than its entries.
        if (Py_TYPE(tree)->tp_iter != (is_list ? PyList_Type : PyTuple_Type).tp_iter) return false;
        const Py_ssize_t count = PyTuple_GET_SIZE(form);
        if (Py_SIZE(tree) != count) return false;
        for (Py_ssize_t i = 0; i < count; ++i) {
            if (Py_SIZE(tree) != count) return false;  // changed by the comparison of a key
            PyObject* const part = is_list ? PyList_GET_ITEM(tree, i) : PyTuple_GET_ITEM(tree, i);
            if (!list_part(PyTuple_GET_ITEM(form, i), part)) return false;
        }
        return true;
    }

    bool of_mapping(PyObject* form, PyObject* tree) const {
        if (!PyDict_CheckExact(tree) && !PyODict_CheckExact(tree)) return false;
        if (PyDict_GET_SIZE(tree) != PyDict_GET_SIZE(form)) return false;
        PyObject *key, *below;
        for (Py_ssize_t at = 0; PyDict_Next(form, &at, &key, &below);) {
            PyObject* const part = PyDict_GetItemWithError(tree, key);
            if (!part || !list_part(below, part)) return false;
        }
        return true;
    }

    // The part is held, as the comparison of keys can run any code.
    bool list_part(PyObject* form, PyObject* part) const {
        Py_INCREF(part);
        const bool alike = list(form, part);
        Py_DECREF(part);
        return alike;
    }
};

// Of a tree that is built as the form says, the leaves in a list or tuple of their own; nothing for another.
// To compare keys, and to make room, can run any code of Python's.
inline py::object leaves_of(PyObject* form, PyObject* tree) {
    PyObject* const found = held_at_exit([=]() -> PyObject* {
        if (PyTuple_CheckExact(form) && (PyList_CheckExact(tree) || PyTuple_CheckExact(tree)) &&
            PyTuple_GET_SIZE(form) == Py_SIZE(tree) && Leaves::is_flat(form)) {
            return PySequence_Tuple(tree);
        }
        PyObject* const list = PyList_New(0);
        if (!list || Leaves(list).list(form, tree)) return list;
        Py_DECREF(list);
        return nullptr;
    });
    if (!found && PyErr_Occurred()) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(found);
}

}  // namespace fastopt
